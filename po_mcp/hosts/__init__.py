"""The assistants' own configuration files: where each lies, and how an entry is put in and taken out."""

from __future__ import annotations
