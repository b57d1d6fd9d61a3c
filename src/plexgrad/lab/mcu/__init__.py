"""A microcontroller in the loop: firmware, two emulators that run it, and its twin."""
