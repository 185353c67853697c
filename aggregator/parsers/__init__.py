"""Plug-ins: Document → Entries. One file each; see `registry.Parser`."""
