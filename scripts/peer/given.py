"""The environment variables as this program was given them: imported before ``voice``, which sets some for its own process.

A peer at its defaults must not inherit those. Imports nothing of voice.
"""

import os

ENVIRONMENT = dict(os.environ)
