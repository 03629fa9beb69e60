pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
    }
  }
}
