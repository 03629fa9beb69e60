pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    activity "both" {
      script  = "true"
      command = ["true"]
    }
    activity "neither" {}
    activity "empty" { script = "  " }
    activity "nothing" { command = [] }
    activity "shell" {
      command = ["ls"]
      shell   = "bash"
    }
    activity "zsh" {
      script = "true"
      shell  = "zsh"
    }
  }
}
