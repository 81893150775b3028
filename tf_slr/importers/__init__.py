"""Other people's data becomes a corpus: official releases, videos with an index, `.pose` files."""
