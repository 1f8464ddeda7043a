"""A bag in gives the same bag out: formats are written as they were, with other messages."""

from sim2real_ros.bags.rewriting.rewrite import rewrite_bag

__all__ = ['rewrite_bag']
