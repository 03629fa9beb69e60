locals {
  x = [for x in range(1000) : [for y in range(1000) : [for z in range(10) : x + z]]]
}
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
    }
  }
}
