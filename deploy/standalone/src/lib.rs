//! The whole suite on one machine: every service and the gateway in one process on a private PostgreSQL, or each as a
//! process of its own on private PostgreSQL, Redis and RabbitMQ.
//!
//! Nothing here knows a rule of the domain. What differs between one process and a cluster are settings alone.

pub mod demo;
pub mod distributed;
pub mod folder;
pub mod postgres;
pub mod process;
pub mod secrets;
pub mod servers;
pub mod suite;
