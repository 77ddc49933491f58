"""What to answer: the edge model on llama.cpp."""

from voice.core.openmp import spin_briefly

spin_briefly()  # the modules of this package load llama.cpp when they are imported
