"""One reply in the making: from words to audio, from the edge and from the cloud."""
