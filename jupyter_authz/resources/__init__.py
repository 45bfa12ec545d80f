"""What a request asks: resource types, and one declarative table for each server package."""
