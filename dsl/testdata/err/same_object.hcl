# A reference, a type and a call that are wrong in one object are three messages.
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    env   = { A = evnet.commit, B = 1 + "a", C = [1], D = uper("x"), E = job.nope.result, F = "${event.nope}" }
    activity "x" { script = "true" }
  }
}
