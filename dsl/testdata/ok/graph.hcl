# The order of writing is kept; needs may point forward.
pipeline "ci" {
  on "push" {}
  job "report" {
    image = "alpine:3.20"
    needs = [job.test, job.build-linux]
    activity "x" { script = "true" }
  }
  job "test" {
    image = "alpine:3.20"
    activity "x" { script = "true" }
  }
  job "build-linux" {
    image = "alpine:3.20"
    needs = [job.test]
    activity "x" { script = "true" }
  }
}
