"""Generators and discriminators, independent of the methods that train them."""
