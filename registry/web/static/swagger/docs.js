// The page of the API. What is tried out on it carries the CSRF token of the session.
"use strict";
const csrf = document.querySelector('meta[name="csrf"]').content;
window.ui = SwaggerUIBundle({
  url: "/api/v1/openapi.json",
  dom_id: "#docs",
  deepLinking: true,
  docExpansion: "none",
  validatorUrl: null,
  requestInterceptor: (request) => {
    if (csrf) request.headers["X-CSRF-Token"] = csrf;
    return request;
  },
});
