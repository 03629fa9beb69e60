locals { version = "1" }
pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "x" {
      command = ["echo", event.brnach, repo.nam, run.x, evnet.branch, version, main.x]
      env = { A = local.versoin, B = input.x, C = local, D = version }
    }
  }
}
