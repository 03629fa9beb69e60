locals { w = upper(event.comit) }
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      env = { A = local.v, B = local.x }
    }
  }
}
