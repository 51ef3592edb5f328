"""The command; processes that the drill starts import this module, and so it imports nothing."""

import sys

if __name__ == "__main__":
    from tests.drills.gpu.drill import main

    sys.exit(main())
