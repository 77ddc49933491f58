"""The microphone daemon: this machine's microphone and loudspeaker at one end, a voice server at the other.

Strategy: :mod:`.sound` owns the devices and survives them; :mod:`.player` holds what is to be played; :mod:`.echo` takes it out
of what is heard; :mod:`.gate` decides what may leave (open, push to talk, wake word); :mod:`.connection` owns the connection;
:mod:`.daemon` ties them together and :mod:`.view` shows it.
"""
