"""The model store: what models there are, where they lie, how they get here, and which form of one is the fastest here.

``manifest`` (what a file must be) → ``sources`` and ``fetch`` (how it gets here) → ``store`` (is it still right, and where
is it?) → ``tune`` (the fastest good quantisation of a language model on this machine) and ``propose`` (which one to use).
"""

from voice.models.store import chat_settings, home, locate

__all__ = ["chat_settings", "home", "locate"]
