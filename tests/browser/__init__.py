"""Tests in a real Chromium, headless: what a person sees."""
