"""Figures, taken by hand: each room is a program that prints some."""
