// A module of its own only to keep the stand-ins out of ./... of the other.
module overlay

go 1.26.0
