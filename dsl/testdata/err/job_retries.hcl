pipeline "ci" {
  on "push" {}
  job "number" {
    image   = "alpine:3.20"
    retries = 2
    fence   = "30s"
    activity "x" { script = "true" }
  }
  job "causes" {
    image   = "alpine:3.20"
    retries = { exit = 1, losst = 1, lost = 11 }
    fence   = "2d"
    activity "x" { script = "true" }
  }
  job "words" {
    image   = "alpine:3.20"
    retries = { lost = "twice" }
    fence   = "soon"
    activity "x" { script = "true" }
  }
  job "forms" {
    image   = "alpine:3.20"
    retries = "lost"
    fence   = 10
    activity "x" { script = "true" }
  }
  job "early" {
    image   = "alpine:3.20"
    needs   = [job.words]
    retries = { lost = job.other.outputs.n }
    activity "x" { script = "true" }
  }
  job "other" {
    image = "alpine:3.20"
    activity "x" {
      script = "true"
      output "n" { type = number }
    }
    output "n" { value = activity.x.outputs.n }
  }
}
