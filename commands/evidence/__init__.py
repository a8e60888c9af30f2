"""The papers of a case, evidence that proves itself, and the check of the audit log."""
