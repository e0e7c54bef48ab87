"""Everything a hostile server, browser or neighbour may send: refused by a typed error, and nothing given away."""
