"""Sentences for people, made of facts and codes. No module parses or compares them.

Lambda has this package, too: what Slack, e-mail and the screens say comes from one place.
"""
