pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    needs = ["build"]
    activity "x" { script = "true" }
  }
  job "build" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
}
