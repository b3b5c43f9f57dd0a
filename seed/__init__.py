"""The seed: `python -m seed schema|load|verify|erase` fills a shop that a load can buy from. Never imports locust."""
