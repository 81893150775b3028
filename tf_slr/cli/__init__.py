"""The commands of `tf-slr`, one module for each group; `add` puts a group into the parser.

A command line sets the environment of its process and of those that it starts; whoever imports the package keeps his.
"""

import os

# The matrices that numpy multiplies here are small. OpenBLAS' threads have nothing to do with them, and wait for it by
# spinning: on two cores they took a third of one from training. It must stand before numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
