pipeline "ci" {
  on {}
  on "psuh" {}
  on "push" {
    branches = ["main", "{a", ""]
    tags = "v*"
    paths = []
  }
  on = ["push"]
  job "a" {
    activity "x" {
      image = "alpine"
      script = "true"
    }
  }
}
