"""The C2PA library with one configuration: everything that could reach a network is off."""

from __future__ import annotations

import json
from typing import Any

from c2pa import Context, Settings

__all__ = ["context"]

# Purposes that a signing certificate may have: C2PA's own, documentSigning, emailProtection. The library's default
# list is older than the first.
_PURPOSES = "1.3.6.1.4.1.62558.2.1\n1.3.6.1.5.5.7.3.36\n1.3.6.1.5.5.7.3.4\n"


def context(*, anchors: str = "") -> Context:
    """Settings in force. `anchors`: roots to trust, PEM."""
    trust: dict[str, Any] = {"trust_config": _PURPOSES}
    if anchors:
        trust["user_anchors"] = anchors
    return Context(
        Settings.from_json(
            json.dumps(
                {
                    "version": 1,
                    "trust": trust,
                    "verify": {
                        "verify_trust": True,
                        "verify_after_reading": True,
                        "verify_after_sign": True,
                        "ocsp_fetch": False,
                        "remote_manifest_fetch": False,
                    },
                    "builder": {"thumbnail": {"enabled": False}},  # a thumbnail of an input would tell what it showed
                }
            )
        )
    )
