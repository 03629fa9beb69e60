locals {
  o = { a = 1 }
  l = [1]
}
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = { A = event.commit.short, B = local.o.b, C = local.l[7] }
    }
  }
}
