"""`python -m tf_slr` is `tf-slr`."""

import sys

from tf_slr.cli import main

sys.exit(main())
