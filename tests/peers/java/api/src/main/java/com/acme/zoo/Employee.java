package com.acme.zoo;

/** A subclass, passed where a {@link Person} is declared. */
public class Employee extends Person {
    private static final long serialVersionUID = 1L;
    private double salary;
    private Person boss;

    public Employee() {}

    public Employee(String name, int age, double salary, Person boss) {
        super(name, age);
        this.salary = salary;
        this.boss = boss;
    }

    public double getSalary() { return salary; }
    public void setSalary(double v) { salary = v; }
    public Person getBoss() { return boss; }
    public void setBoss(Person v) { boss = v; }
}
