"""Where a turn is answered: the privacy gate, then the encoder's heads, then the policy. See :mod:`voice.route.router`."""
