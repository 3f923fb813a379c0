use super::*;

#[test]
fn a_bucket_has_all_that_took_no_longer() {
    let times = Times::default();
    for micros in [1, 500, 501, 30_000, 20_000_000] {
        times.note(Duration::from_micros(micros));
    }
    let mut out = String::new();
    times.write("job", &mut out);
    for line in [
        "# TYPE job histogram",
        "job_bucket{le=\"0.0005\"} 2",
        "job_bucket{le=\"0.001\"} 3",
        "job_bucket{le=\"0.1\"} 4",
        "job_bucket{le=\"10\"} 4",
        "job_bucket{le=\"+Inf\"} 5",
        "job_sum 20.031002",
        "job_count 5",
    ] {
        assert!(out.lines().any(|of| of == line), "{line} is not in {out}");
    }
}
