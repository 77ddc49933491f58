# Included into llama.cpp's own project: the Python package needs its libraries alone, not the helpers of its command-line programs
# (83 files to compile instead of 140).
set(LLAMA_BUILD_COMMON OFF)
