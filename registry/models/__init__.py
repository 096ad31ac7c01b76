"""The tables of the register, one module a subject; all are imported here, so that the metadata is whole."""

from registry.models.catalogue import (
    Agency,
    AgencyChange,
    CodeNode,
    CodeRecord,
    Entry,
    ImportBatch,
    Item,
    Notice,
    System,
    Version,
)
from registry.models.columns import metadata
from registry.models.duties import BudgetFlag, DutyEvidence, Rectification, SystemReview
from registry.models.ledgers import AuditContent, AuditEvent, AuditHead, AuditTree, Blob, Job, RepeatedRequest
from registry.models.lists import Edition, ListLine
from registry.models.people import ApiToken, Delegation, LoginFailure, LoginSession, Person, RoleGrant
from registry.models.promises import ChangeCase, ChangeEvent, UpdateSeen
from registry.models.proofs import BatchProof, StandingProof
from registry.models.requests import DataRequest, Dispute, RequestAct, ShareGrant, UsageRecord
from registry.models.review import Distribution, Opinion, Record, Remark, SignatureSheet
from registry.models.sync import OutboxRow, SyncEntry, SyncParcel, SyncRun, SyncTarget
from registry.models.systems import DataCopy, SystemLife, SystemTable
from registry.models.wiping import Retirement, RetirementEntry, RetirementStep, WipeCase, WipeRecord

__all__ = [
    "Agency",
    "AgencyChange",
    "ApiToken",
    "AuditContent",
    "AuditEvent",
    "AuditHead",
    "AuditTree",
    "BatchProof",
    "Blob",
    "BudgetFlag",
    "ChangeCase",
    "ChangeEvent",
    "CodeNode",
    "CodeRecord",
    "DataCopy",
    "DataRequest",
    "Delegation",
    "Dispute",
    "Distribution",
    "DutyEvidence",
    "Edition",
    "Entry",
    "ImportBatch",
    "Item",
    "Job",
    "ListLine",
    "LoginFailure",
    "LoginSession",
    "Notice",
    "Opinion",
    "OutboxRow",
    "Person",
    "Record",
    "Rectification",
    "Remark",
    "RepeatedRequest",
    "RequestAct",
    "Retirement",
    "RetirementEntry",
    "RetirementStep",
    "RoleGrant",
    "ShareGrant",
    "SignatureSheet",
    "StandingProof",
    "SyncEntry",
    "SyncParcel",
    "SyncRun",
    "SyncTarget",
    "System",
    "SystemLife",
    "SystemReview",
    "SystemTable",
    "UpdateSeen",
    "UsageRecord",
    "Version",
    "WipeCase",
    "WipeRecord",
    "metadata",
]
