variable "v" {}
library "l" { source = "github.com/acme/lib" }
registry "r.example.com" { username = "x" }
pipeline "ci" {
  on "schedule" { timezone = "UTC" }
  on "pipeline" {}
  concurrency {}
  job "a" {
    image = "alpine:3.20"
    matrix {}
    service "s" {}
    artifact "f" {}
    output "o" {}
    activity "x" {
      script = "true"
      output "v" {}
      report "junit" {}
    }
  }
}
