"""What holds for all tests."""

import os

# Torch's threads wait for each other by spinning. Beside another process on the same cores, two
# of them are five times slower than one.
os.environ.setdefault('OMP_NUM_THREADS', '1')
