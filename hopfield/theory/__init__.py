"""Closed forms for associative memories: plain functions of plain numbers."""

from hopfield.theory.decoding import argmax_retrieval, argmax_retrieval_spins

__all__ = ["argmax_retrieval", "argmax_retrieval_spins"]
