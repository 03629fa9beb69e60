pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    timeout = 5
    agent { labels = "gpu=a" }
    activity "x" {
      image   = ["alpine"]
      command = "ls -l"
    }
    activity "y" { command = ["sleep", 5] }
  }
}
