"""Training and testing in the words of the original programs' train.py and test.py."""
