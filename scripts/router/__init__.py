"""How the router's encoder is trained; see ``scripts/train_router --help`` and docs/router.md."""
