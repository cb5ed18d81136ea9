"""Evidence packs: one zip from which an outsider, offline, sees where an output came from and that nothing changed."""
