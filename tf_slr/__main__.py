"""`python -m tf_slr` is `tf-slr`."""

import sys

from tf_slr.cli.main import main

sys.exit(main())
