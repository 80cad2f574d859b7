"""The measures of the SEAL paper as pure functions: arrays in, frozen records out."""
