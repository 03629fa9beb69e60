locals {
  a = "${local.b}!"
  b = upper(local.c)
  c = [local.a]
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
