pipeline "My Pipeline" {
  on "push" {}
}
pipeline {
  on "push" {}
}
pipeline "ci" "x" {
  on "push" {}
}
pipeline "a-very-long-name-that-is-longer-than-forty-characters" {
}
locals {
  Upper = 1
}
locals "x" {}
