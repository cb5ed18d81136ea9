"""`python -m ui.engine`."""

import sys

from ui.engine.process import main

if __name__ == "__main__":
    sys.exit(main())
