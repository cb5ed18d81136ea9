"""Content Credentials (C2PA): what signs a file, what reads its signature back, and where manifests are kept.

Covers: who made a file and that its bytes are those that were signed. Does not cover: a file whose metadata was
stripped (the store gives the manifest back once something else names the record), nor whether what it shows is true.
Nothing here reaches a network: no timestamp authority, no revocation server, no remote manifest.
"""
