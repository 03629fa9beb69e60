pipeline "ci" {
  on "push" {}
  job "a" {
    image = "alpine:3.20"
    depends_on = ["build"]
    runs_on    = "ubuntu-latest"
    steps {}
    activity "x" {
      run = "make"
      uses = "actions/checkout"
    }
  }
}
