"""A server that is killed in the middle of its work: what it did is wholly there, with its event, or not at all."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select
from sqlmodel import col

from catalog_specs import load
from registry.audit_check import verify
from registry.audit_files import of_database
from registry.db import Database
from registry.drafts import register_entry
from registry.models import AuditEvent, Entry, Opinion, Version
from registry.people import actor_of
from tests.api_people import fresh
from tests.cast import make_cast
from tests.postgres import free_port
from tests.web_people import settings_of, token

MOVES, CLIENTS = 200, 4
SERVER = """
import sys
from pathlib import Path
import uvicorn
from registry.settings import Settings
from registry.web import create_app
app = create_app(Settings(sys.argv[1], files_folder=Path(sys.argv[3]), workers=0))
uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), log_level="error")
"""
