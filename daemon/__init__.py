"""The shell: the only package that touches sockets, disks, clocks and processes."""
